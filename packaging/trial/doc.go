// Package trial tries the packages and the image as their users do: in throw-away roots with a systemd of their own, on a machine that it leaves as
// it was. It has nothing but tests, for root on Debian or Ubuntu, behind the build tag packaging: `make package-check`.
package trial
