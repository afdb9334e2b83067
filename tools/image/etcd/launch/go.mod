module holdfast.dev/etcd/launch

go 1.24
