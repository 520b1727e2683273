package document

import (
	"github.com/danielgtaylor/huma/v2"

	"sluice/shared/resource/shape"
)

// published is a schema as the library has it that writes the document.
func published(s *shape.Schema) *huma.Schema {
	if s == nil {
		return nil
	}
	out := &huma.Schema{Ref: s.Ref, Type: s.Type, Nullable: s.Nullable, Description: s.Description, Enum: s.Enum, Examples: s.Examples,
		ReadOnly: s.ReadOnly, Minimum: s.Minimum, Maximum: s.Maximum, Format: s.Format, Pattern: s.Pattern, MaxLength: s.MaxLength,
		Items: published(s.Items), MaxItems: s.MaxItems, UniqueItems: s.UniqueItems, AdditionalProperties: s.AdditionalProperties,
		Required: s.Required, MaxProperties: s.MaxProperties}
	if member, ok := s.AdditionalProperties.(*shape.Schema); ok {
		out.AdditionalProperties = published(member)
	}
	if s.Properties != nil {
		out.Properties = make(map[string]*huma.Schema, len(s.Properties))
		for name, member := range s.Properties {
			out.Properties[name] = published(member)
		}
	}
	return out
}

// tags are the groups of operations as the library has them.
func tags(all []shape.Tag) []*huma.Tag {
	var out []*huma.Tag
	for _, t := range all {
		out = append(out, &huma.Tag{Name: t.Name, Description: t.Description})
	}
	return out
}
