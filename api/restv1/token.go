package restv1

import "time"

// TokenRequest asks for a join token.
type TokenRequest struct {
	Role        string `json:"role" enum:"agent,filer" doc:"Who may join with it."`
	Names       string `json:"names" minLength:"1" maxLength:"100" doc:"The name, or a pattern of names such as ws-*. A token for exactly one name may give the name to a machine that has been installed anew."`
	Site        string `json:"site,omitempty" maxLength:"100" doc:"Where its agents must be; empty: anywhere."`
	Uses        int    `json:"uses,omitempty" minimum:"0" maximum:"100000" doc:"How many machines may join with it; 0: one."`
	LifeSeconds int64  `json:"lifeSeconds,omitempty" minimum:"0" maximum:"31536000" doc:"How long it is good for; 0: a day."`
	Comment     string `json:"comment,omitempty" maxLength:"200" doc:"For whom it is."`
}

// Token is a join token that was just made. Its secret is not kept, and not shown again.
type Token struct {
	Secret  string    `json:"secret"`
	Role    string    `json:"role"`
	Names   string    `json:"names"`
	Site    string    `json:"site,omitempty"`
	Uses    int       `json:"uses"`
	Expires time.Time `json:"expires"`
}
