// Package gateway is a client of a gateway's web API, as the command line needs
// it: requests on files and directories with streams for bodies, the answers,
// and the descriptions of objects (t=json).
//
// It leaves out what the API means: which requests make a command, and what is
// then said to the user, is the business of fscmd and fscopy. Requests are those
// of Tahoe-LAFS 1.20.0's scripts/common_http.py, and so is the text about
// answers that are not wanted; unlike there, bodies of unknown size are sent in
// chunks, and the address in the text about a gateway that cannot be reached is
// without the cap.
//
// Nothing here follows redirections or uses a proxy: what is asked for are
// secrets, and they are for this gateway alone.
package gateway
