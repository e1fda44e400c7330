package watch

import (
	"errors"
	"testing"
	"time"
)

func TestNobodyWatches(t *testing.T) {
	d := New(0)
	task := d.Begin("", "a")
	task.Progress()
	task.End()
	c := make(chan int, 1)
	c <- 7
	if v, ok, err := Wait(d, c); v != 7 || !ok || err != nil {
		t.Error(v, ok, err)
	}
	close(c)
	if _, ok, err := Wait(d, c); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestStall(t *testing.T) {
	d := New(20 * time.Millisecond)
	d.Begin("", "one that is over").End()
	busy := d.Begin("", "one that comes along")
	d.Begin("", "b.avi")
	d.Begin("", "c.avi") // as long: the first name is told
	stop := make(chan bool)
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				busy.Progress()
				time.Sleep(100 * time.Microsecond)
			}
		}
	}()
	_, ok, err := Wait(d, make(chan int))
	var s *StallError
	if ok || !errors.As(err, &s) || err.Error() != "nothing has come from b.avi for 20ms" || s.Hint() == "" {
		t.Error(ok, err)
	}
}

// Looks are counted, and only while somebody waits: a task is not given up for the time that nobody looked.
func TestLooksAreCounted(t *testing.T) {
	d := New(time.Hour)
	task := d.Begin("", "a")
	for i := range looks {
		if err := d.look(); err != nil {
			t.Fatal(i, err)
		}
	}
	task.Progress()
	for i := range looks {
		if err := d.look(); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := d.look(); err == nil {
		t.Error("the task is not given up")
	}
	c := make(chan string, 1)
	c <- "x"
	if v, ok, err := Wait(d, c); v != "x" || !ok || err != nil { // what is there counts more
		t.Error(v, ok, err)
	}
}
