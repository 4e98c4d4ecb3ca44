package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/awslabs/goformation/v7/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// resolve is the template with its functions carried out for parameters; what a false condition or AWS::NoValue removes is not in it.
func resolve(t *testing.T, parameters map[string]any) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../cloudformation/kinetail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	e := evaluator{t: t, values: map[string]any{"AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"}, conditions: map[string]bool{}}
	root := doc.Content[0]
	for name, p := range pairs(child(root, "Parameters")) {
		if d := child(p, "Default"); d != nil {
			e.values[name] = e.value(d)
		}
	}
	maps.Copy(e.values, parameters)
	for name, c := range pairs(child(root, "Conditions")) {
		e.conditions[name] = e.value(c).(bool)
	}
	resources := map[string]any{}
	for id, r := range pairs(child(root, "Resources")) {
		if c := child(r, "Condition"); c == nil || e.conditions[c.Value] {
			resources[id] = e.value(r)
		}
	}
	return map[string]any{"Resources": resources, "Outputs": e.value(child(root, "Outputs"))}
}

func pairs(n *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		all[n.Content[i].Value] = n.Content[i+1]
	}
	return all
}

func child(n *yaml.Node, name string) *yaml.Node { return pairs(n)[name] }

// evaluator knows the functions of CloudFormation that the template uses, in their short form.
type evaluator struct {
	t          *testing.T
	values     map[string]any
	conditions map[string]bool
}

var variable = regexp.MustCompile(`\$\{([A-Za-z:]+)\}`)

// value carries out the functions in n; nil is AWS::NoValue.
func (e *evaluator) value(n *yaml.Node) any {
	args := func() []*yaml.Node { return n.Content }
	switch n.Tag {
	case "!Ref":
		if n.Value == "AWS::NoValue" {
			return nil
		}
		return e.ref(n.Value)
	case "!GetAtt":
		return "arn:of:" + n.Value
	case "!Sub":
		return variable.ReplaceAllStringFunc(n.Value, func(s string) string { return fmt.Sprint(e.ref(variable.FindStringSubmatch(s)[1])) })
	case "!Equals":
		return fmt.Sprint(e.value(args()[0])) == fmt.Sprint(e.value(args()[1]))
	case "!Not":
		return !e.value(args()[0]).(bool)
	case "!If":
		c, ok := e.conditions[args()[0].Value]
		if !ok {
			e.t.Errorf("line %d: no condition %s", n.Line, args()[0].Value)
		}
		if c {
			return e.value(args()[1])
		}
		return e.value(args()[2])
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for k, v := range pairs(n) {
			if x := e.value(v); x != nil {
				m[k] = x
			}
		}
		return m
	case yaml.SequenceNode:
		all := []any{}
		for _, v := range n.Content {
			if x := e.value(v); x != nil {
				all = append(all, x)
			}
		}
		return all
	default:
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			e.t.Errorf("line %d: the function %s is not known", n.Line, n.Tag)
		}
		var v any
		if err := n.Decode(&v); err != nil {
			e.t.Error(err)
		}
		if i, ok := v.(int); ok {
			return float64(i)
		}
		return v
	}
}

func (e *evaluator) ref(name string) any {
	if v, ok := e.values[name]; ok {
		return v
	}
	return "ref-to-" + name // a resource
}

// schemaOf gives the part of CloudFormation's own schema that is about a type of resource.
func schemaOf(t *testing.T) func(kind string) *jsonschema.Schema {
	t.Helper()
	var description any
	if err := json.Unmarshal([]byte(schema.CloudformationSchema), &description); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("cloudformation.json", description); err != nil {
		t.Fatal(err)
	}
	return func(kind string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile("cloudformation.json#/definitions/" + kind)
		if err != nil {
			t.Fatalf("a resource of the type %s: %v", kind, err)
		}
		return s
	}
}

var parameterSets = map[string]map[string]any{
	"the defaults": {"Shards": 0.0, "MaxLagSeconds": 300.0, "RetentionHours": 24.0, "ExpectedAgents": 1.0},
	"everything": {
		"Shards": 4.0, "MaxLagSeconds": 60.0, "RetentionHours": 48.0, "ExpectedAgents": 20.0, "ArchiveBucketArn": "arn:aws:s3:::archive",
		"KmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1", "AlarmTopicArn": "arn:aws:sns:eu-west-1:111122223333:alarms",
	},
}

func TestResourcesAreWhatCloudFormationKnows(t *testing.T) {
	of := schemaOf(t)
	for name, want := range map[string]int{"the defaults": 11, "everything": 13} {
		n, parameters := 0, parameterSets[name]
		for id, r := range resolve(t, parameters)["Resources"].(map[string]any) {
			n++
			if err := of(r.(map[string]any)["Type"].(string)).Validate(r); err != nil {
				t.Errorf("%s: %s: %v", name, id, err)
			}
		}
		if n != want {
			t.Errorf("%s: %d resources, not %d", name, n, want)
		}
	}
	// Without this nobody would know that the schema refuses anything.
	wrong := map[string]any{"Type": "AWS::CloudWatch::Alarm", "Properties": map[string]any{"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "MetrikName": "LagSeconds"}}
	if of("AWS::CloudWatch::Alarm").Validate(wrong) == nil {
		t.Error("a property that does not exist is accepted")
	}
}

func TestTheTemplatesTexts(t *testing.T) {
	for name, parameters := range parameterSets {
		template := resolve(t, parameters)
		body := template["Resources"].(map[string]any)["Dashboard"].(map[string]any)["Properties"].(map[string]any)["DashboardBody"].(string)
		var dashboard struct {
			Widgets []struct {
				Properties struct{ Metrics [][]any }
			}
		}
		if err := json.Unmarshal([]byte(body), &dashboard); err != nil || len(dashboard.Widgets) < 5 {
			t.Errorf("%s: the dashboard: %v\n%s", name, err, body)
		}
		example := template["Outputs"].(map[string]any)["Configuration"].(map[string]any)["Value"].(string)
		path := filepath.Join(t.TempDir(), "kinetail.hcl")
		if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), tool(t, "KINETAIL"), "validate", "-c", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, example)
		}
	}
}
