package cli

import (
	"context"
	"errors"
	"time"

	"github.com/fdht/fdht/compress"
	"github.com/fdht/fdht/factor"
	"github.com/fdht/fdht/model"
)

// compressCmd is fdht compress.
type compressCmd struct {
	Weights string `placeholder:"F" group:"torch" help:"PyTorch state dict in a safetensors file."`
	torchFlags
	Model string `placeholder:"M" group:"model" help:"Instead of --weights: a model file, or the folder of a run."`
	Out   string `required:"" placeholder:"M" group:"model" help:"Model file to write."`

	Kind      string    `group:"model" default:"ht" placeholder:"KIND" help:"Structure: ht (hierarchical Tucker), tt (tensor train), tr (tensor ring) or bt (one block) (${default})."`
	Scope     string    `group:"model" default:"full" placeholder:"PART" help:"What gets that structure: full, inputs and hidden units as one matrix; partial, the input half; split, each half for itself (${default})."`
	Budget    int64     `group:"model" placeholder:"W" help:"Most recurrent weights in all; ranks are chosen where the singular values are largest."`
	Tol       float64   `group:"model" placeholder:"X" help:"Instead: largest relative error of each matrix (Frobenius norm), such as 0.1."`
	Rank      int       `group:"model" placeholder:"R" help:"Instead: all ranks; ht: of the leaves, and of the inner nodes without --inner-rank."`
	InnerRank int       `group:"model" placeholder:"R" help:"ht, with --rank: rank of all inner nodes."`
	Ranks     ranksFlag `group:"model" placeholder:"RANKS" help:"Instead: every rank of the first matrix, as in fdht train; each of the others has a flag of its own."`
	ModesIn   []int     `group:"model" placeholder:"N" help:"Input modes; left out with --modes-out: several are tried and the best is kept, of a large matrix even ones."`
	ModesOut  []int     `group:"model" placeholder:"M" help:"Output modes."`
	Tree      treeFlag  `group:"model" placeholder:"TREE" help:"ht: dimension tree, such as [[0,1],[2,3]]; left out: balanced."`

	UpperModesIn  []int     `group:"upper" placeholder:"N" help:"As --modes-in."`
	UpperModesOut []int     `group:"upper" placeholder:"M" help:"As --modes-out."`
	UpperTree     treeFlag  `group:"upper" placeholder:"TREE" help:"As --tree."`
	UpperRanks    ranksFlag `group:"upper" placeholder:"RANKS" help:"As --ranks."`

	RecurrentModesIn  []int     `group:"recurrent" placeholder:"N" help:"As --modes-in."`
	RecurrentModesOut []int     `group:"recurrent" placeholder:"M" help:"As --modes-out."`
	RecurrentTree     treeFlag  `group:"recurrent" placeholder:"TREE" help:"As --tree."`
	RecurrentRanks    ranksFlag `group:"recurrent" placeholder:"RANKS" help:"As --ranks."`

	Report string `placeholder:"DIR" group:"common" help:"Write report.md, report.json and a plot of the singular values of each matrix there."`
	jsonFlag
	common
}

// Help is the long help.
func (*compressCmd) Help() string {
	return `Examples:

  fdht compress --weights lstm.safetensors --out small.safetensors --budget 8000 --report report
  fdht compress --model runs/dense --out small.safetensors --kind tt --tol 0.2
  fdht compress --model runs/dense --modes-in 8,8,8,113 --modes-out 4,4,8,8 --rank 8 --out small.safetensors
  fdht train --data clips --init small.safetensors --lr 0.0005 --out runs/fine

The error is that of a matrix, relative, in the Frobenius norm; trained weights are full of noise, so an error of 0.5 and more is common and fine-tuning
makes up for it. Ranks that modes chosen by the program do not allow become the largest that they do. The bound is the root of the sum of all squared singular values that were left out. A matrix of more than 4,194,304 entries
is compressed to one choice of modes, a smaller one to the best of several.`
}

// Run compresses.
func (c *compressCmd) Run(ctx context.Context, u *ui) error {
	if err := c.check(); err != nil {
		return err
	}
	started := time.Now()
	f, err := c.load(u)
	if err != nil {
		return err
	}
	how, err := c.compression(f)
	if err != nil {
		return err
	}
	small, report, err := model.Compress(ctx, f, how)
	var request *compress.RequestError
	if errors.As(err, &request) {
		return &usageError{err: err}
	}
	if err != nil {
		return err
	}
	if err := small.Save(c.Out); err != nil {
		return err
	}
	out := summary(c.Out, small, report)
	out.Seconds = time.Since(started).Seconds()
	if c.Report != "" {
		if err := writeCompressReport(c.Report, out, report); err != nil {
			return err
		}
		u.note("report.md, report.json and plots are in %s", c.Report)
	}
	if c.JSON {
		return u.json(out)
	}
	if err := u.print("%s", out.text()); err != nil {
		return err
	}
	u.note("next: %s train --data PATH --init %s --lr 0.0005 --out runs/fine", self(), c.Out)
	return nil
}

func (c *compressCmd) check() error {
	ways := 0
	for _, given := range []bool{c.Budget != 0, c.Tol != 0, c.Rank != 0, !c.Ranks.isZero()} {
		if given {
			ways++
		}
	}
	switch {
	case (c.Weights == "") == (c.Model == ""):
		return usage("", "give one of --weights and --model: what is to be compressed")
	case c.Weights == "" && c.torchFlags.given():
		return usage("leave them away", "--prefix, --cell, --head, --classes and --pooling are about a state dict, not a model")
	case ways != 1:
		return usage("such as --budget 8000", "give one of --budget, --tol, --rank and --ranks: how small it is to be")
	case c.Budget < 0:
		return usage("", "--budget %d: want at least 1", c.Budget)
	case !(c.Tol >= 0 && c.Tol < 1):
		return usage("", "--tol %v: want above 0 and below 1", c.Tol)
	case c.Kind == string(factor.Dense):
		return usage("", "--kind dense: want ht, tt, tr or bt")
	case c.InnerRank != 0 && c.Rank == 0:
		return usage("leave it away", "--inner-rank %d goes with --rank only, which is then that of the leaves", c.InnerRank)
	case c.Budget != 0 || c.Tol != 0:
		for _, r := range []struct {
			flag string
			ranksFlag
		}{{"upper", c.UpperRanks}, {"recurrent", c.RecurrentRanks}} {
			if !r.isZero() {
				return usage("leave it away: a budget or a tolerance chooses the ranks", "--%s-ranks %v goes with --rank or --ranks only", r.flag, r.ranksFlag)
			}
		}
	}
	return nil
}

// load reads the model or the state dict.
func (c *compressCmd) load(u *ui) (*model.File, error) {
	if c.Weights != "" {
		return c.torchFlags.load(u, c.Weights)
	}
	return model.Load(modelPath(c.Model))
}

// compression makes structures of the flags.
func (c *compressCmd) compression(f *model.File) (how model.Compression, err error) {
	cfg := f.Config
	flags := &modelFlags{Cell: cfg.Cell, Bidirectional: cfg.Bidirectional, Hidden: cfg.Hidden, Layers: cfg.Layers,
		Kind: c.Kind, Scope: c.Scope, Rank: c.Rank, InnerRank: c.InnerRank, Ranks: c.Ranks,
		UpperModesIn: c.UpperModesIn, UpperModesOut: c.UpperModesOut, UpperTree: c.UpperTree, UpperRanks: c.UpperRanks,
		RecurrentModesIn: c.RecurrentModesIn, RecurrentModesOut: c.RecurrentModesOut, RecurrentTree: c.RecurrentTree, RecurrentRanks: c.RecurrentRanks,
	}
	if err := flags.check(); err != nil {
		return how, err
	}
	l := layer{cell: cfg.Cell, scope: factor.Scope(c.Scope), kind: c.Kind}
	first, upper, recurrent := l, l, l
	first.modesIn, first.modesOut, first.tree, first.ranks = c.ModesIn, c.ModesOut, c.Tree.Tree, c.Ranks
	if how.Structure, err = flags.structures(first, cfg.Input); err != nil {
		return how, err
	}
	if cfg.Layers > 1 {
		upper.prefix = "upper-"
		upper.modesIn, upper.modesOut, upper.tree, upper.ranks = c.UpperModesIn, c.UpperModesOut, c.UpperTree.Tree, c.UpperRanks
		if how.Upper, err = flags.structures(upper, cfg.RNN().Outputs()); err != nil {
			return how, err
		}
	}
	if l.scope == factor.Split {
		recurrent.prefix, recurrent.scope = "recurrent-", factor.Full
		recurrent.modesIn, recurrent.modesOut, recurrent.tree, recurrent.ranks = c.RecurrentModesIn, c.RecurrentModesOut, c.RecurrentTree.Tree, c.RecurrentRanks
		if how.Recurrent, err = flags.structures(recurrent, 0); err != nil {
			return how, err
		}
	}
	how.Target = compress.Target{Tol: c.Tol, Budget: c.Budget}
	return how, nil
}
