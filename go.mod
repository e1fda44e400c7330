module github.com/fdht/fdht

go 1.26
