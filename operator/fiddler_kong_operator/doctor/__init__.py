"""The checks of `fiddler-kong doctor`: what is wrong between a call and its trace, with a cause and a fix. Nothing here writes."""
