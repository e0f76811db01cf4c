package openjd

import (
	"maps"
	"slices"
	"strings"
)

// profile is the revision of the specification a document is read under: the limits that hold, after the extensions
// that the document asks for. An extension that changes a limit does so here, one that adds a key asks has.
type profile struct {
	limits
	extensions map[string]bool
}

// limits are the numbers of the schema. Lengths are in characters.
type limits struct {
	jobParameters      int // §1.1
	jobName            int // §1.1.1
	identifier         int // §7.1
	userIdentifier     int // §3.6.1
	description        int // §7.2
	stepName           int // §3.1
	environmentName    int // §4.1
	filename           int // §6.1.1
	parameterValue     int // §2.5
	label              int // §2.6
	fileFilters        int // §2.2
	filterPattern      int // §2.8
	requirements       int // §3.3
	capabilityName     int // §3.3.1.1
	attributeValues    int // §3.3.2
	attributeValue     int // §3.3.2.2
	taskParameters     int // §3.4
	rangeList          int // §3.4.1
	taskParameter      int // §3.4.2
	combination        int // §3.4.3
	variableName       int // §4.4.1
	variableValue      int // §4.4.2
	notifyPeriod       int // §5.3.2, seconds
	extensionName      int // §1.1.2
	extensionNameLeast int
}

// base2023 is the base specification 2023-09 without extensions.
func base2023() profile {
	return profile{
		limits: limits{
			jobParameters: 50, jobName: 128, identifier: 64, description: 2048, stepName: 64, environmentName: 64,
			filename: 64, userIdentifier: 512, parameterValue: 1024, label: 64, fileFilters: 20, filterPattern: 20, requirements: 50,
			capabilityName: 100, attributeValues: 50, attributeValue: 100, taskParameters: 16, rangeList: 1024,
			taskParameter: 1024, combination: 1280, variableName: 256, variableValue: 2048, notifyPeriod: 600,
			extensionName: 128, extensionNameLeast: 3,
		},
		extensions: map[string]bool{},
	}
}

// featureBundle1 raises limits (§1.1, §1.1.1, §3.1, §4.1, §6.1.1, §7.1).
func featureBundle1(p *profile) {
	p.jobParameters, p.jobName, p.stepName, p.environmentName, p.filename, p.identifier = 200, 512, 512, 512, 256, 512
}

// Limits of this library alone: what a document may cost before its schema is looked at.
const (
	maxSource  = 4 << 20 // bytes
	maxNesting = 64      // lists and mappings within each other; the schema needs 12
	maxSize    = 1 << 20 // nodes, after aliases
	maxErrors  = 100     // reported

	checkOperations = 1_000_000 // of all expressions of a document while it is checked
)

// The extensions of 2023-09.
const (
	Expr            = "EXPR"
	FeatureBundle1  = "FEATURE_BUNDLE_1"
	RedactedEnvVars = "REDACTED_ENV_VARS"
	TaskChunking    = "TASK_CHUNKING"
	WrapActions     = "WRAP_ACTIONS"
)

// known are the extensions of 2023-09; the value says how a supported one changes the profile.
func known() map[string]func(*profile) {
	return map[string]func(*profile){
		"EXPR":              func(*profile) {},
		"FEATURE_BUNDLE_1":  featureBundle1,
		"REDACTED_ENV_VARS": func(*profile) {}, // openjd_redacted_env is honoured in any case (§4)
		"TASK_CHUNKING":     func(*profile) {},
		"WRAP_ACTIONS":      func(*profile) {},
	}
}

// limitsOf returns the limits under some extensions.
func limitsOf(extensions []string) limits {
	p := base2023()
	for _, name := range extensions {
		if apply := known()[name]; apply != nil {
			apply(&p)
		}
	}
	return p.limits
}

// supported names the extensions that a template may ask for.
func supported() string {
	var names []string
	for name, apply := range known() {
		if apply != nil {
			names = append(names, name)
		}
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

func knownNames() []string { return slices.Sorted(maps.Keys(known())) }

// keyExtension names the extension that brings a key.
func keyExtension(key string) string {
	switch key {
	case "let":
		return "EXPR"
	case "onWrapEnvEnter", "onWrapTaskRun", "onWrapEnvExit":
		return "WRAP_ACTIONS"
	case "chunks":
		return "TASK_CHUNKING"
	case "endOfLine", "bash", "cmd", "node", "powershell", "python":
		return "FEATURE_BUNDLE_1"
	}
	return ""
}

// typeExtension names the extension that brings a parameter type.
func typeExtension(name string) string {
	switch upper := strings.ToUpper(name); {
	case upper == "CHUNK[INT]":
		return "TASK_CHUNKING"
	case upper == "BOOL" || upper == "RANGE_EXPR" || strings.HasPrefix(upper, "LIST["):
		return "EXPR"
	}
	return ""
}

// nameExtension names the extension that brings a value reference.
func nameExtension(name string) string {
	switch {
	case name == "Job.Name" || name == "Step.Name":
		return "EXPR"
	case strings.HasPrefix(name, "WrappedAction.") || name == "WrappedEnv.Name" || name == "WrappedStep.Name":
		return "WRAP_ACTIONS"
	}
	return ""
}
