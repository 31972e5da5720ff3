"""Who may do what: the policy kernel, grants, requests, audit."""
