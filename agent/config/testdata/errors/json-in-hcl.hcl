{
  "flows": [{"filePattern": "/tmp/app.log*", "kinesisStream": "s"}]
}
