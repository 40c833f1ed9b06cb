"""The node agent: a laptop's kubelet, which runs pods as local processes.

It speaks the kubelet's part of the Kubernetes API (Node, Lease, Binding, pod status, Events, ``/containerLogs``),
so that Jobs, ``kubectl logs`` and ``kubectl get pods`` behave as on a real cluster, with neither Docker nor root.
It is equipment for laptops and tests: every pod shares the machine's network and user, nothing limits CPU or
memory, and an image is only a name.

What it does not do is refused with a sentence (``support.refusal``) or named once in an Event (``support.notes``).
"""
