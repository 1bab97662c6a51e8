"""What the pages share: the frame around each of them, the controls, the cached runs and the chart view."""
