"""The core's rules, by example and by property: values in, values out, no I/O and no clock."""
