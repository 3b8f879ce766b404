"""The GitOps examples of docs/ against the schemas of who reads them."""
