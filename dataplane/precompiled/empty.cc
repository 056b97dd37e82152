// A target must have a source; what counts here is the header that is compiled with it.
