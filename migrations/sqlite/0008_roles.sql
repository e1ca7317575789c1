-- Who may do what is a matter of the file here; the number is kept so that both databases count the same.
SELECT 1;
