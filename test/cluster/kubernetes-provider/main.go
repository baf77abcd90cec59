// Pulumi's Kubernetes provider from its Go module, where the released program cannot be downloaded. Its own
// main package embeds two files that only its release makes: here the schema lies beside the program.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	// What Terraform calls the same resources: for converted programs only.
	provider.Serve("kubernetes", version.Version, schema, []byte("{}"))
}
