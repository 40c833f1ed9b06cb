"""What to try in another terminal while the demo runs."""

from freshet.local.demo.stage import NAMESPACE, Stage

__all__ = ["hints"]

LOAD_NOW = 'kubectl annotate --overwrite asset/dlt-kaizen-wars-fact-virtual freshet.dev/requestedAt="$(date +%s)"'


def hints(stage: Stage) -> str:
    """Commands to paste, as markup."""
    page = f"\nThe lineage, live in a browser:  [bold]{stage.page_url}[/]\n" if stage.page_url else ""
    return f"""{page}
In another terminal:
  [bold]export KUBECONFIG={stage.cluster.kubeconfig} PATH={stage.tools}:$PATH[/]
  [bold]kubectl config set-context --current --namespace={NAMESPACE}[/]

  [bold]kubectl get assets -w[/]                        what you see below; [bold]-o wide[/] says more
  [bold]kubectl get fpl,cronjobs,jobs[/]                the Pipeline, its CronJob, the runs
  [bold]{LOAD_NOW}[/]
  [bold]kubectl describe asset/fact-virtual-count[/]    its history and its Events
  [bold]kubectl logs -l batch.kubernetes.io/job-name --prefix --tail=5[/]    what loads and counts say
  [bold]curl -s {stage.metrics_url} | grep ^freshet_asset[/]
"""
