//go:build !windows && !darwin

package ask

import (
	"os"
	"strings"
)

// dialogs are pinentry, which keeps other windows from listening, else those of the desktops. Without a display there is
// none; pinentry would otherwise look for a terminal.
func dialogs(question string) []dialog {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	var all []dialog
	// The plain name is what the person or the distribution has chosen. If it needs a terminal it says so at once.
	for _, name := range []string{"pinentry", "pinentry-gnome3", "pinentry-qt", "pinentry-qt5", "pinentry-gtk", "pinentry-gtk-2",
		"pinentry-x11", "pinentry-fltk"} {
		all = append(all, pinentry(name, question))
	}
	return append(all,
		dialog{
			argv: []string{"zenity", "--entry", "--hide-text", "--title=" + program,
				// A label's escapes and its underlined letter.
				"--text=" + strings.NewReplacer(`\`, `\\`, "_", "__").Replace(question)},
			answer: func(stdout, stderr string, code int) (string, error) {
				// GTK ends with the status of a cancelled dialog, too, where it can't show any.
				if code == 1 && strings.Contains(stderr, "open display") {
					return "", errUnfit
				}
				return closedIs1(stdout, stderr, code)
			},
		},
		dialog{
			// Qt would take < and & as markup.
			argv:   []string{"kdialog", "--title", program, "--password", strings.NewReplacer("<", "?", ">", "?", "&", "&&").Replace(question)},
			answer: closedIs1,
		},
	)
}

func closedIs1(stdout, _ string, code int) (string, error) {
	switch code {
	case 0:
		return firstLine(stdout), nil
	case 1:
		return "", ErrCancelled
	default:
		return "", errUnfit
	}
}
