package armtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// pageSize is small, so that lists have pages.
const pageSize = 3

var validMachine = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$`)

// machine serves calls about one virtual machine. c.mu is held.
func (c *Cloud) machine(w http.ResponseWriter, r *http.Request, name string) {
	key := strings.ToLower(name)
	m := c.machines[key]
	switch r.Method {
	case http.MethodPut:
		c.put(w, r, name, m)
	case http.MethodGet:
		if m == nil {
			notFound(w, "virtualMachines/"+name)
			return
		}
		write(w, http.StatusOK, m.view(r.URL.Query().Get("$expand") == "instanceView"))
	case http.MethodDelete:
		switch {
		case m == nil:
			w.WriteHeader(http.StatusNoContent)
		case m.state == "Creating":
			refuse(w, Refusal{Status: http.StatusConflict, Code: "Conflict", Message: "another operation on " + name + " is in progress"})
		default:
			m.state = "Deleting"
			c.begin(w, func() *Refusal { c.remove(key); return nil })
			w.WriteHeader(http.StatusAccepted)
		}
	default:
		refuse(w, Refusal{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: r.Method})
	}
}

func (c *Cloud) put(w http.ResponseWriter, r *http.Request, name string, have *resource) {
	if have != nil {
		if r.Header.Get("If-None-Match") == "*" {
			refuse(w, Refusal{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed", Message: "the resource exists"})
			return
		}
		refuse(w, Refusal{Status: http.StatusConflict, Code: "PropertyChangeNotAllowed", Message: "changing property 'osProfile.customData' is not allowed"})
		return
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, Refusal{Status: http.StatusBadRequest, Code: "InvalidRequestContent", Message: err.Error()})
		return
	}
	if wrong := c.wrong(name, body); wrong != "" {
		refuse(w, Refusal{Status: http.StatusBadRequest, Code: "InvalidParameter", Message: wrong})
		return
	}
	m := &resource{body: body, id: uuid.NewString(), state: "Creating", cores: cores(text(body, "properties", "hardwareProfile", "vmSize"))}
	if used := c.used(); c.Cores > 0 && used+m.cores > c.Cores {
		refuse(w, Refusal{Status: http.StatusConflict, Code: "OperationNotAllowed", Message: fmt.Sprintf(
			"Operation could not be completed as it results in exceeding approved Cores quota. Current Limit: %d, Current Usage: %d, Additional Required: %d", c.Cores, used, m.cores)})
		return
	}
	body["name"], body["id"], body["type"] = name, r.URL.Path, "Microsoft.Compute/virtualMachines"
	c.machines[strings.ToLower(name)] = m
	c.made++
	c.begin(w, func() *Refusal { return c.finishMaking(name, m) })
	write(w, http.StatusCreated, m.view(false))
}

// finishMaking ends the making of a machine.
func (c *Cloud) finishMaking(name string, m *resource) *Refusal {
	if c.machines[strings.ToLower(name)] != m {
		return &Refusal{Code: "OperationPreempted", Message: "the machine was taken away"}
	}
	if c.Refuse != nil {
		if m.failed = c.Refuse(name); m.failed != nil {
			m.state = "Failed"
			return m.failed
		}
	}
	m.state, m.runs = "Succeeded", true
	if c.Started != nil {
		c.Started(Machine{
			Name: name, ID: m.id, Spot: text(m.body, "properties", "priority") == "Spot",
			CustomData: decode64(text(m.body, "properties", "osProfile", "customData")), Body: m.body,
		})
	}
	return nil
}

// wrong says what the service would refuse.
func (c *Cloud) wrong(name string, body map[string]any) string {
	if !validMachine.MatchString(name) {
		return "the name '" + name + "' is not valid"
	}
	for _, keys := range [][]string{
		{"location"},
		{"properties", "hardwareProfile", "vmSize"},
		{"properties", "storageProfile", "osDisk", "createOption"},
		{"properties", "osProfile", "computerName"},
		{"properties", "osProfile", "adminUsername"},
		{"properties", "networkProfile", "networkApiVersion"},
	} {
		if text(body, keys...) == "" {
			return "required parameter '" + strings.Join(keys, ".") + "' is missing (null)"
		}
	}
	if len(decode64(text(body, "properties", "osProfile", "customData"))) == 0 {
		return "custom data in OSProfile must be in Base64 encoding"
	}
	nics, _ := at(body, "properties", "networkProfile", "networkInterfaceConfigurations").([]any)
	if len(nics) == 0 {
		return "the virtual machine has no network interface"
	}
	set := text(body, "properties", "virtualMachineScaleSet", "id")
	if c.sets[strings.ToLower(set[strings.LastIndex(set, "/")+1:])] == nil {
		return "the referenced scale set '" + set + "' was not found"
	}
	return ""
}

// list serves a scale set's machines, in pages.
func (c *Cloud) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	set, _ := strings.CutPrefix(q.Get("$filter"), "'virtualMachineScaleSet/id' eq '")
	set = strings.TrimSuffix(set, "'")
	if q.Get("$expand") != "" && set == "" {
		refuse(w, Refusal{Status: http.StatusBadRequest, Code: "InvalidParameter", Message: "$expand needs a $filter"})
		return
	}
	if set != "" && c.sets[strings.ToLower(set[strings.LastIndex(set, "/")+1:])] == nil {
		notFound(w, set)
		return
	}
	keys := slices.Sorted(maps.Keys(c.machines))
	from, _ := strconv.Atoi(q.Get("$skiptoken"))
	page := map[string]any{"value": []any{}}
	var value []any
	for i := from; i < len(keys); i++ {
		m := c.machines[keys[i]]
		if set != "" && !strings.EqualFold(text(m.body, "properties", "virtualMachineScaleSet", "id"), set) {
			continue
		}
		if len(value) == pageSize {
			next := *r.URL
			q.Set("$skiptoken", strconv.Itoa(i))
			next.RawQuery = q.Encode()
			page["nextLink"] = c.URL + next.RequestURI()
			break
		}
		value = append(value, m.view(q.Get("$expand") == "instanceView"))
	}
	if value != nil {
		page["value"] = value
	}
	write(w, http.StatusOK, page)
}

// view is a machine as the service shows it: without what was secret in its request.
func (m *resource) view(status bool) map[string]any {
	out := maps.Clone(m.body)
	properties, _ := at(out, "properties").(map[string]any)
	properties = maps.Clone(properties)
	profile, _ := properties["osProfile"].(map[string]any)
	profile = maps.Clone(profile)
	delete(profile, "customData")
	properties["osProfile"], properties["provisioningState"], properties["vmId"] = profile, m.state, m.id
	if status {
		properties["instanceView"] = map[string]any{"statuses": m.statuses()}
	}
	out["properties"] = properties
	return out
}

func (m *resource) statuses() []any {
	if m.failed != nil {
		return []any{map[string]any{"code": "ProvisioningState/failed/" + m.failed.Code, "level": "Error", "message": m.failed.Message}}
	}
	all := []any{map[string]any{"code": "ProvisioningState/" + strings.ToLower(m.state), "level": "Info"}}
	if m.runs {
		all = append(all, map[string]any{"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"})
	}
	return all
}

func (c *Cloud) used() int {
	n := 0
	for _, m := range c.machines {
		n += m.cores
	}
	return n
}

var digits = regexp.MustCompile(`[0-9]+`)

// cores reads a size's number of cores off its name.
func cores(size string) int {
	n, _ := strconv.Atoi(digits.FindString(size))
	return n
}

func notFound(w http.ResponseWriter, what string) {
	refuse(w, Refusal{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: "the Resource 'Microsoft.Compute/" + what + "' was not found"})
}

// scaleSet serves calls about one scale set. c.mu is held.
func (c *Cloud) scaleSet(w http.ResponseWriter, r *http.Request, name string) {
	key := strings.ToLower(name)
	switch r.Method {
	case http.MethodGet:
		if c.sets[key] == nil {
			notFound(w, "virtualMachineScaleSets/"+name)
			return
		}
		write(w, http.StatusOK, c.sets[key])
	case http.MethodPut:
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			refuse(w, Refusal{Status: http.StatusBadRequest, Code: "InvalidRequestContent", Message: err.Error()})
			return
		}
		if text(body, "properties", "orchestrationMode") == "Flexible" && at(body, "properties", "platformFaultDomainCount") == nil {
			refuse(w, Refusal{Status: http.StatusBadRequest, Code: "InvalidParameter", Message: "required parameter 'platformFaultDomainCount' is missing (null)"})
			return
		}
		body["name"], body["id"] = name, r.URL.Path
		c.sets[key] = body
		c.begin(w, func() *Refusal { return nil })
		write(w, http.StatusCreated, body)
	default:
		refuse(w, Refusal{Status: http.StatusMethodNotAllowed, Code: "MethodNotAllowed", Message: r.Method})
	}
}
