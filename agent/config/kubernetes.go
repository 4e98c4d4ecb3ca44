package config

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
)

func defaultKubernetes() Kubernetes { return Kubernetes{Wait: time.Second} }

func (b *body) kubernetes(k *Kubernetes) {
	b.str("node", &k.Node)
	b.str("api_server", &k.APIServer, serverURL)
	b.str("token_file", &k.TokenFile, absolutePath("token_file"))
	b.str("ca_file", &k.CAFile, absolutePath("ca_file"))
	b.duration("wait", &k.Wait, 0, time.Minute)
	b.done()
}

func serverURL(s string) *problem {
	u, err := url.Parse(s)
	if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		return nil
	}
	return &problem{summary: fmt.Sprintf("api_server cannot be %q", s), detail: `It is a URL, such as "https://10.96.0.1:443".`}
}

// Uses says whether an expression of the configuration reads root.*, or one of the attributes of it where they are named.
func (c *Config) Uses(root string, attributes ...string) bool {
	for _, e := range c.expressions() {
		for _, t := range e.Variables() {
			if t.RootName() == root && (len(attributes) == 0 || slices.Contains(attributes, member(t))) {
				return true
			}
		}
	}
	return false
}

// expressions are all that are computed for each record.
func (c *Config) expressions() []hcl.Expression {
	var all []hcl.Expression
	for _, f := range c.Flows {
		for _, s := range f.Steps {
			for _, e := range s.Expressions {
				all = append(all, e.Expr)
			}
		}
		for _, e := range f.Emits {
			for _, x := range []hcl.Expression{e.PartitionKey, e.Template} {
				if x != nil {
					all = append(all, x)
				}
			}
		}
	}
	return all
}
