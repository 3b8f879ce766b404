// The program that keeps a pod's namespaces; it needs nothing but Go.
module coffea-casa.local/pause

go 1.25.0
