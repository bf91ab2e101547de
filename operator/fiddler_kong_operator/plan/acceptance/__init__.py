"""The condition Accepted: is the spec valid, allowed, and free of clashes?"""
