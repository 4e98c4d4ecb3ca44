package awscall

import "github.com/aws/smithy-go"

// shape names a shape of a service's model. Nothing but the name is ever looked at.
func shape(name string, t smithy.ShapeType, traits ...smithy.Trait) *smithy.Schema {
	return smithy.NewSchema(smithy.ShapeID{Namespace: "com.amazonaws", Name: name}, t, 0, traits...)
}

func list(of *smithy.Schema) *smithy.Schema {
	s := shape("List", smithy.ShapeTypeList)
	s.AddMember("member", of)
	return s
}

// text writes a member that may be missing.
func text(s smithy.ShapeSerializer, member *smithy.Schema, value *string) {
	if value != nil {
		s.WriteString(member, *value)
	}
}
