-- Finds the contact a booking is of: by HubSpot's id, else by student id and email.
create or replace function hubspot_sync.contact_of_booking(
  p_contact_id text,
  p_student_id text,
  p_email text
)
  returns uuid
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (select c.id
       from hubspot_sync.hubspot_contact_credits c
      where c.hubspot_id = p_contact_id),
    (select coalesce(c.merged_into, c.id)
       from hubspot_sync.hubspot_contact_credits c
      where c.student_id = p_student_id
        and lower(c.email) = lower(p_email)
      order by c.created_at, c.id
      limit 1));
end;
$$;

comment on function hubspot_sync.contact_of_booking(text, text, text) is
  'The id of the contact with this HubSpot id, else of the oldest with this student id and '
  'email, or null. Volatile, so that a second look sees what has committed meanwhile.';
revoke execute on function hubspot_sync.contact_of_booking(text, text, text)
  from public, anon, authenticated;
