// The Kubernetes resource provider of Pulumi, as its own repository starts it.
//
// The module's own main embeds two files that its build makes and the module
// lacks. schema.json and terraform-mapping.json are copied here from the
// module before the build (see local/modules.py); the upstream step that makes
// the embedded files only shortens them.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	provider.Serve("kubernetes", version.Version, schema, terraformMapping)
}
