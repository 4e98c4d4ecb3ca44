// Package config turns HCL text into a Config with the defaults filled in. Every mistake becomes a diagnostic that shows where it is
// and what would be right; a Config is handed out only if there was none. It opens no file but the configuration (and those named
// by file()), and talks to nothing.
package config
