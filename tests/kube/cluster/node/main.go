// Command node is kubelet, controller manager and scheduler in one file, for the tests that
// run real pods. Which of them it is, its first argument says.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"kubelet":     func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"controllers": controllers.NewControllerManagerCommand,
	"scheduler":   func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: node kubelet|controllers|scheduler [FLAG]...")
		os.Exit(2)
	}
	part := parts[os.Args[1]]
	os.Args = append(os.Args[:1:1], os.Args[2:]...)
	os.Exit(cli.Run(part()))
}
