package version

// Application is what the node tells peers of itself: a name, a slash, and the
// version, as "tahoe-lafs/1.20.0" of Python's.
func Application() string { return "arm-tahoe/" + Get().Version }
