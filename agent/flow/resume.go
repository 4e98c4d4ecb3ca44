package flow

// resumer is a destination with a circuit; Resume says whether it was open.
type resumer interface{ Resume() bool }

// Resume tries at once what waits for an open circuit, and returns the names of the destinations for which that is so.
func (f *Flow) Resume() []string {
	var names []string
	for _, o := range f.Outputs {
		if r, ok := o.Destination.(resumer); ok && r.Resume() {
			names = append(names, o.Destination.Status().Name)
		}
	}
	return names
}

// LastTry says that the flow ends soon: destinations which take nothing are tried once more, and Stop waits for none of them beyond that.
func (f *Flow) LastTry() {
	for _, o := range f.Outputs {
		if d, ok := o.Destination.(interface{ LastTry() }); ok {
			d.LastTry()
		}
	}
}
