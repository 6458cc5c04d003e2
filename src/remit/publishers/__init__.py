"""Publishers, by which an approval leaves for execution. One adapter per carrier; none knows a rule."""
