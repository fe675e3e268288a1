"""The HTTP shell: authentication, problems, paging; the rooms bring their routes."""
