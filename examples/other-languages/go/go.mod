module example.com/holdfast-lock

go 1.22
