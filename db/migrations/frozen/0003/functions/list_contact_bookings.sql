-- Lists a contact's bookings, newest first; a student who names nobody sees their own.
create or replace function api.list_contact_bookings(
  p_student_id text default null,
  p_email text default null,
  p_id uuid default null,
  p_hubspot_id text default null,
  p_status text default null,
  p_page integer default 1,
  p_page_size integer default 50
)
  returns api.booking_page
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_contact hubspot_sync.hubspot_contact_credits;
  v_status text := hubspot_sync.find_status(p_status);
begin
  v_contact := hubspot_sync.find_contact(p_student_id, p_email, p_id, p_hubspot_id);
  return hubspot_sync.page_of_bookings(
    concat_ws(' and ',
      'b.student_id = $1',
      '(b.contact = $2::uuid or b.contact is null and lower(b.student_email) = $3)',
      case when v_status is not null then 'b.is_active = $4' end),
    p_page, p_page_size, v_contact.student_id, v_contact.id::text, lower(v_contact.email),
    v_status, null, null, null, null);
end;
$$;

comment on function api.list_contact_bookings(text, text, uuid, text, text, integer, integer) is
  'A page of a contact''s bookings, newest first. The contact: p_id, else p_hubspot_id, else '
  'p_student_id and p_email; a student sees their own and may leave all of it out. p_status: '
  'Active, Cancelled or Completed. p_page: from 1, within the first 10,000; p_page_size: 1 to '
  '200. Raises 22023 (no contact named, no such status, page or size out of bounds), MBCON (no '
  'such contact), 42501 (not allowed).';
revoke execute on function api.list_contact_bookings(text, text, uuid, text, text, integer, integer)
  from public, anon, authenticated;
grant execute on function api.list_contact_bookings(text, text, uuid, text, text, integer, integer)
  to authenticated, service_role;
