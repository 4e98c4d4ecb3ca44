package convert

import (
	"errors"
	"strings"
)

// ignored are settings of the Java agent's inside that have no meaning here, by what they begin with.
var ignored = map[string]string{
	"log.": "the agent's own log is configured in the agent block (log_level, log_format) and goes to standard error",
}

// global reads what is beside the flows.
func (c *converter) global(o *object) error {
	c.emitMetrics = true
	c.configured = map[string]bool{}
	for _, name := range []string{"kinesis", "firehose", "cloudwatch", "sts"} {
		c.endpoint(o, name)
		c.configured[name] = o.has(name+".endpoint") || name == "kinesis" && o.has("kinesis.region")
	}
	var wrong []error
	for _, key := range o.keys {
		v := o.get(key)
		text, isText := textOf(v)
		switch key {
		case "flows", "kinesis.endpoint", "firehose.endpoint", "cloudwatch.endpoint", "sts.endpoint":
			if key != "flows" && !isText {
				wrong = append(wrong, errors.New(key+" must be a text"))
			}
		case "kinesis.region":
			c.say(TakenOver, key, v, "region")
		case "assumeRoleARN":
			if text == "" {
				c.say(NotNeeded, key, v, "it is empty")
				continue
			}
			c.aws.role = text
			c.say(TakenOver, key, v, "assume_role.arn in the aws block")
		case "assumeRoleExternalId":
			if role, _ := textOf(o.get("assumeRoleARN")); role == "" || text == "" {
				c.say(NotNeeded, key, v, "there is no role to assume")
				continue
			}
			c.aws.ext = text
			c.say(TakenOver, key, v, "assume_role.external_id")
		case "awsAccessKeyId", "awsSecretAccessKey":
			if text == "" {
				c.say(NotNeeded, key, nil, "it is empty")
				continue
			}
			variable := map[string]string{"awsAccessKeyId": "AWS_ACCESS_KEY_ID", "awsSecretAccessKey": "AWS_SECRET_ACCESS_KEY"}[key]
			c.say(Different, key, nil, "keys are never copied: set "+variable+" in the service's environment (systemctl edit kinetail), or better use the role of the instance, which needs no key")
		case "userDefinedCredentialsProvider.classname", "userDefinedCredentialsProvider.location":
			c.say(NoCounterpart, key, v, "no Java classes are loaded: the AWS SDK's credential_process, in a profile, runs a program that prints credentials")
		case "cloudwatch.emitMetrics":
			on, ok := boolOf(v)
			if !ok {
				wrong = append(wrong, errors.New(key+" must be true or false"))
				continue
			}
			c.emitMetrics = on
			if on {
				c.say(TakenOver, key, v, `metrics "cloudwatch", under the Java agent's names: compat = "kinesis-agent"`)
			} else {
				c.say(TakenOver, key, v, `metrics "cloudwatch" { enabled = false }`)
			}
		case "cloudwatch.namespace":
			c.namespace = text
			c.say(TakenOver, key, v, "namespace of the metrics block")
		case "cloudwatch.tagInstance":
			if on, _ := boolOf(v); !on {
				c.say(TakenOver, key, v, "metrics have no dimension for the instance here either")
				continue
			}
			c.say(NoCounterpart, key, v, "metrics have no dimension Instance: each value of a dimension is a metric that is billed. dimensions of the metrics block adds some to LagSeconds, GapBytes and RecordsDeadLettered")
		case "checkpointFile":
			if text != "" {
				c.result.CheckpointFile = text
			}
			c.say(TakenOver, key, v, "positions are kept in state_dir here; 'kinetail convert --checkpoints %s' takes them over", c.result.CheckpointFile)
		default:
			c.unknown(key, v)
		}
	}
	if c.emitMetrics {
		c.say(Better, "(default) cloudwatch", nil, `besides the Java agent's metrics there are LagSeconds, LagBytes, GapBytes and more`)
	}
	return errors.Join(wrong...)
}

func (c *converter) unknown(key string, v any) {
	for prefix, why := range ignored {
		if strings.HasPrefix(key, prefix) {
			c.say(NotNeeded, key, v, why)
			return
		}
	}
	c.say(NotNeeded, key, v, "it is not among the documented settings of the Java agent, and has no effect here")
}
