package tailer

import "strconv"

// since is when k was discovered: what came later holds what k's path held later. Without k, it is the first sweep. In ns since 1970.
func (f *Follower) since(k *generation) int64 {
	if k == nil {
		return f.firstWall
	}
	return discovered(k.id())
}

// newer says that e holds what its path held after k, which was discovered at since. A name tells that it does, where k has been rotated too: a clock
// that is set back changes nothing then. That it does not only times tell: a copy of what k held later has the name of an older body.
func (sv *survey) newer(e *entry, k *generation, since int64) bool {
	if k != nil {
		root, ours := sv.family(e.path)
		for _, name := range k.names {
			if other, theirs := sv.family(name); name != other && root == other && ours.older(theirs) > 0 {
				return true
			}
		}
	}
	return e.st.mtime >= since && (e.st.birth == 0 || e.st.birth >= since)
}

// floorKey is before the path under which the store has since when a rotated body is news.
const floorKey = "news since of "

// floor is since when a rotated body of a path is news, where generations of it were found while something could not be looked at.
func (f *Follower) floor(root string) (int64, bool) {
	if since, ok := f.floors[root]; ok || f.opts.Store == nil {
		return since, ok
	}
	since, err := strconv.ParseInt(string(f.opts.Store.Value(f.opts.Flow, floorKey+root)), 10, 64)
	if err == nil {
		f.floors[root] = since
	}
	return since, err == nil
}

// setFloor remembers it, also over a restart; 0 forgets it.
func (f *Follower) setFloor(root string, since int64) {
	var value []byte
	if since == 0 {
		delete(f.floors, root)
	} else {
		f.floors[root] = since
		value = strconv.AppendInt(nil, since, 10)
	}
	if f.opts.Store != nil {
		f.opts.Store.SetValue(f.opts.Flow, floorKey+root, value)
	}
}
