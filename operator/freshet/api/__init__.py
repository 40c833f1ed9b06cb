"""Typed views of the two resources, and every name that freshet writes on a Kubernetes object."""
