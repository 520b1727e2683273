package process

// DiesWithThread gives the attributes of a child whose life hangs on the thread that starts it.
var DiesWithThread = attributes
