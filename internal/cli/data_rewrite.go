package cli

import (
	"os"

	"github.com/fdht/fdht/dataset"
)

// rewritten is what the commands that write a clip folder anew print as JSON.
type rewritten struct {
	Data    string   `json:"data"`
	Out     string   `json:"out"`
	Clips   int      `json:"clips"`
	Bad     []broken `json:"bad"`
	Damaged []broken `json:"damaged"`
}

// rewrite runs work, which writes the clips of the folder data to the folder out, new or empty. doing is for the progress bar, what says what the clips are of.
func (u *ui) rewrite(data, out, doing, what string, json bool, work func(progress func(done, total int)) (*dataset.Report, error)) error {
	made, err := newFolder(out)
	if err != nil {
		return err
	}
	b := u.bar(doing)
	rep, err := work(b.count)
	b.done()
	if err != nil {
		if made {
			os.RemoveAll(out) // nothing was in it but what we wrote
		}
		return err
	}
	u.tell(rep)
	clips := rep.Clips - len(rep.Bad)
	if json {
		return u.json(rewritten{data, out, clips, brokenList(rep.Bad), brokenList(rep.Damaged)})
	}
	return u.print("%s: %d clips %s\n", out, clips, what)
}
