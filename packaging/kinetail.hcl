# kinetail reads all *.hcl and *.hcl.json files of this directory as one configuration. This one says nothing yet: without a flow, kinetail
# does not start. Write a flow here, or in a file of its own (this file may stay as it is), and then:
#
#   kinetail validate
#   systemctl enable --now kinetail
#   kinetail status
#
# After a change: systemctl reload kinetail. Manual: man kinetail.hcl. More examples: /usr/share/doc/kinetail/examples/.

# flow "nginx" {
#   tail {
#     paths = ["/var/log/nginx/access.log"]
#   }
#   emit "kinesis" {
#     stream = "web-access"
#   }
# }

# Region and credentials come from the instance, the environment (/etc/kinetail/environment, one NAME=value on a line), or from here:
#
# aws {
#   region = "eu-west-1"
# }
