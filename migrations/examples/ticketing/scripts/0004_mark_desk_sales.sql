-- The check desk-sales-are-marked in ticketing.yaml says when this is right.
UPDATE tickets SET channel = 'desk' WHERE sold_by IS NOT NULL;
