package dataset

import (
	"path"
	"regexp"
	"strings"
)

// groupRules find, in a clip's file name without extension, the part that tells which subject or source video it comes
// from. The first that matches counts.
func groupRules() []*regexp.Regexp {
	return []*regexp.Regexp{
		// UCF50 and UCF101: v_ApplyEyeMakeup_g08_c01
		regexp.MustCompile(`^v_.+_g(\d+)_c\d+$`),
		// UCF11, in folders of the same group: v_biking_01/v_biking_01_02
		regexp.MustCompile(`^v_.+_(\d+)_\d+$`),
		// YouTube Celebrities Face: 0034_01_006_al_pacino is clip 6 of his video 1. The videos of a person are
		// numbered alike for all, so holding out number 3 leaves the others of everybody to learn from.
		regexp.MustCompile(`^\d{4}_(\d{2})_\d{3}_\D+$`),
		// HMDB51: the name of the source film, then what is seen, camera, people, direction, quality, number
		regexp.MustCompile(`^(.+)_[fhul]_(?:cm|nm)_np\d+_(?:fr|ba|le|ri)_(?:bad|med|goo)_\d+$`),
		// KTH: person01_boxing_d1_uncomp
		regexp.MustCompile(`^person(\d+)_`),
		// UTD-MHAD and NTU-like subjects: a1_s2_t3
		regexp.MustCompile(`(?:^|_)[sS](\d+)(?:_|$)`),
	}
}

// groupOf gives the group of the clip with an id like label/maybe/folders/name.ext: what the rules find in its
// name, else the folders between label and name, else the id itself (every clip a group).
func groupOf(id string, rules []*regexp.Regexp) string {
	dir, name := path.Split(id)
	name = strings.TrimSuffix(name, path.Ext(name))
	for _, r := range rules {
		if m := r.FindStringSubmatch(name); m != nil {
			return trimZeros(m[1])
		}
	}
	if _, inner, ok := strings.Cut(strings.TrimSuffix(dir, "/"), "/"); ok {
		return inner
	}
	return id
}

// trimZeros makes 01 and 1 one group; names that are not numbers stay.
func trimZeros(s string) string {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return s
	}
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}
