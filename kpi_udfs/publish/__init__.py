"""From declarations to texts: what is published is rendered, never written twice."""
