package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// What SPDX 2.3 calls things: https://spdx.github.io/spdx-spec/v2.3/
type spdx struct {
	Version           string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	ID                string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []spdxPackage  `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID               string        `json:"SPDXID"`
	Name             string        `json:"name"`
	VersionInfo      string        `json:"versionInfo"`
	Supplier         string        `json:"supplier"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	LicenseConcluded string        `json:"licenseConcluded"`
	LicenseDeclared  string        `json:"licenseDeclared"`
	CopyrightText    string        `json:"copyrightText"`
	Comment          string        `json:"comment,omitempty"`
	ExternalRefs     []externalRef `json:"externalRefs"`
	Purpose          string        `json:"primaryPackagePurpose"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	repository  = "https://github.com/kinetail/kinetail"
	purl        = "pkg:golang/"
	notSaid     = "NOASSERTION"
	documentID  = "SPDXRef-DOCUMENT"
	kinetailID  = "SPDXRef-Package-kinetail"
	kinetailMod = "github.com/kinetail/kinetail"
)

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// document is the SBOM; sum is the binary's SHA-256. The same input gives the same bytes.
func document(name, version, sum string, date time.Time, modules []module) ([]byte, error) {
	doc := spdx{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: documentID, Name: name,
		DocumentNamespace: fmt.Sprintf("%s/sbom/%s/%s", repository, version, sum),
		CreationInfo:      creation{date.Format(time.RFC3339), []string{"Organization: kinetail", "Tool: kinetail-packaging-bill"}},
		Packages: []spdxPackage{{
			ID: kinetailID, Name: "kinetail", VersionInfo: version, Supplier: "Organization: kinetail", DownloadLocation: repository,
			Checksums: []checksum{{"SHA256", sum}}, LicenseConcluded: "Apache-2.0", LicenseDeclared: "Apache-2.0", CopyrightText: notSaid,
			ExternalRefs: []externalRef{{"PACKAGE-MANAGER", "purl", purl + kinetailMod + "@" + version}}, Purpose: "APPLICATION",
		}},
		Relationships: []relationship{{documentID, "DESCRIBES", kinetailID}},
	}
	for _, m := range modules {
		p := spdxPackage{
			ID: "SPDXRef-Package-" + notInID.ReplaceAllString(m.path+"-"+m.version, "-"), Name: m.path, VersionInfo: m.version, Supplier: notSaid,
			DownloadLocation: notSaid, LicenseConcluded: notSaid, LicenseDeclared: m.licence, CopyrightText: notSaid,
			ExternalRefs: []externalRef{{"PACKAGE-MANAGER", "purl", purl + m.path + "@" + m.version}}, Purpose: "LIBRARY",
		}
		if m.sum != "" {
			p.Comment = "go.sum: " + m.sum
		}
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, relationship{kinetailID, "CONTAINS", p.ID})
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	return append(b, '\n'), err
}
