// Only the resource definitions of this module are used; nothing imports it, so `go mod tidy` would drop it.
module fiddler-kong-operator/devcluster/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.6.3
