// Drives a Marathon through go-marathon and says what went wrong; silence and status 0 are success.
package main

import (
	"fmt"
	"net/url"
	"os"
	"time"

	marathon "github.com/gambol99/go-marathon"
)

const wait = 30 * time.Second

func must(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func insist(what string, is bool) {
	if !is {
		fmt.Fprintf(os.Stderr, "%s: is not so\n", what)
		os.Exit(1)
	}
}

func app(name string) *marathon.Application {
	delay := 0.0
	made := new(marathon.Application)
	made.Name(name).Command("exec sleep 600").CPU(0.1).Memory(32).Count(1)
	made.BackoffSeconds = &delay
	return made.AddLabel("k", "v").AddEnv("A", "b")
}

func done(client marathon.Marathon, id *marathon.DeploymentID, err error) {
	must("a change", err)
	must("its deployment", client.WaitOnDeployment(id.DeploymentID, wait))
}

func apps(client marathon.Marathon) {
	_, err := client.CreateApplication(app("/go/a"))
	must("create", err)
	must("wait", client.WaitOnApplication("/go/a", wait))
	names, err := client.ListApplications(url.Values{"label": {"k==v"}})
	must("list", err)
	insist("one app is listed", len(names) == 1 && names[0] == "/go/a")
	shown, err := client.ApplicationBy("/go/a", &marathon.GetAppOpts{Embed: []string{"app.tasks", "app.counts"}})
	must("get", err)
	insist("it runs", shown.TasksRunning == 1 && len(shown.Tasks) == 1 && (*shown.Env)["A"] == "b")
	id, err := client.ScaleApplicationInstances("/go/a", 2, false)
	done(client, id, err)
	id, err = client.RestartApplication("/go/a", false)
	done(client, id, err)
	id, err = client.UpdateApplication(app("/go/a").AddLabel("k", "w").Count(2), false)
	done(client, id, err)
	versions, err := client.ApplicationVersions("/go/a")
	must("versions", err)
	insist("there are four versions", len(versions.Versions) == 4)
	oldest := versions.Versions[3]
	first, err := client.ApplicationByVersion("/go/a", oldest)
	must("version", err)
	insist("the first version is as it was", (*first.Labels)["k"] == "v")
	id, err = client.SetApplicationVersion("/go/a", &marathon.ApplicationVersion{Version: oldest})
	done(client, id, err)
	ok, err := client.ApplicationOK("/go/a")
	must("health", err)
	insist("it is well", ok)
	_, err = client.Application("/go/nope")
	insist("an app that is not there is an error", err != nil)
}

func tasks(client marathon.Marathon) {
	found, err := client.Tasks("/go/a")
	must("tasks", err)
	insist("one task runs", len(found.Tasks) == 1)
	all, err := client.AllTasks(&marathon.AllTasksOpts{Status: "running"})
	must("all tasks", err)
	insist("it is the only one", len(all.Tasks) == 1 && all.Tasks[0].ID == found.Tasks[0].ID)
	must("kill", client.KillTasks([]string{all.Tasks[0].ID}, &marathon.KillTaskOpts{}))
	_, err = client.KillApplicationTasks("/go/a", &marathon.KillApplicationTasksOpts{Host: "elsewhere"})
	must("kill all", err)
	queue, err := client.Queue()
	must("queue", err)
	insist("the queue can be read", queue != nil)
}

func groups(client marathon.Marathon) {
	group := marathon.NewApplicationGroup("/gogroup")
	group.App(app("/gogroup/a")).App(app("/gogroup/b").DependsOn("/gogroup/a"))
	must("create group", client.CreateGroup(group))
	must("wait for group", client.WaitOnGroup("/gogroup", wait))
	shown, err := client.Group("/gogroup")
	must("get group", err)
	insist("it has two apps", len(shown.Apps) == 2)
	id, err := client.DeleteGroup("/gogroup", false)
	done(client, id, err)
	has, err := client.HasGroup("/gogroup")
	must("has group", err)
	insist("the group is gone", !has)
}

func itself(client marathon.Marathon) {
	_, err := client.Ping()
	must("ping", err)
	info, err := client.Info()
	must("info", err)
	insist("it is Marathon", info.Name == "marathon" && info.Version == "1.11.26")
	leader, err := client.Leader()
	must("leader", err)
	insist("it has a leader", leader != "")
	_, err = client.Deployments()
	must("deployments", err)
}

func events(client marathon.Marathon) {
	heard, err := client.AddEventsListener(marathon.EventIDStatusUpdate | marathon.EventIDDeploymentSuccess)
	must("listen", err)
	defer client.RemoveEventsListener(heard)
	id, err := client.DeleteApplication("/go/a", false)
	must("delete", err)
	for late := time.After(wait); ; {
		select {
		case event := <-heard:
			if success, is := event.Event.(*marathon.EventDeploymentSuccess); is && success.ID == id.DeploymentID {
				return
			}
		case <-late:
			insist("the deployment's end was heard of", false)
		}
	}
}

func main() {
	config := marathon.NewDefaultConfig()
	config.URL = os.Args[1]
	config.EventsTransport = marathon.EventsTransportSSE
	client, err := marathon.NewClient(config)
	must("client", err)
	itself(client)
	apps(client)
	tasks(client)
	groups(client)
	events(client)
}
