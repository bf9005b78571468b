"""Clinical questions, one a room: what could this be, and on what does the answer rest?"""
