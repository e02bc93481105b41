"""What fills a place: counted by folder, type, age, month and model field in bounded memory, and drawn as one page.

`counting` walks through a place once and gives a `Usage`; `page` writes it as HTML. The terminal's view is in `cli`.
"""
