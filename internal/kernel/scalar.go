package kernel

func (p *Mul) scalar(c, a, b []float32) { p.reference(c, a, b) }

func (p *Dot) scalar(c, a, b []float32) { p.reference(c, a, b) }
