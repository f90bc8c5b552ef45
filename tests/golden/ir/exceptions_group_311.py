try:
    risky()
except* (A, B) as group:
    handle(group)
except* C:
    pass
finally:
    always()
