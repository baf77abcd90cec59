//go:build tools

// Package tools keeps the Pulumi CLI in go.mod: setup/pulumi-cli.ts builds it where it cannot be downloaded.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
