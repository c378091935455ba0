-- Lists bookings for administrators, by any of the filters, newest first.
create or replace function api.list_bookings(
  p_exam_date_from date default null,
  p_exam_date_to date default null,
  p_mock_type text default null,
  p_status text default null,
  p_mock_exam_id text default null,
  p_student_id text default null,
  p_email text default null,
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
  v_mock_type text;
  v_condition text;
begin
  perform hubspot_sync.require_administrator();
  if p_mock_type is not null then
    v_mock_type := (hubspot_sync.find_mock_type(p_mock_type)).mock_type;
  end if;
  v_condition := concat_ws(' and ',
    case when p_exam_date_from is not null or p_exam_date_to is not null then
      'b.exam_date between coalesce($1::date, ''-infinity'') and coalesce($2::date, ''infinity'')'
    end,
    case when v_mock_type is not null then 'b.mock_type = $3' end,
    case when p_status is not null then 'b.is_active = $4' end,
    case when p_mock_exam_id is not null then 'b.mock_exam_id = $5' end,
    case when p_student_id is not null then 'b.student_id = $6' end,
    case when p_email is not null then 'lower(b.student_email) = $7' end);
  return hubspot_sync.page_of_bookings(
    coalesce(nullif(v_condition, ''), 'true'), p_page, p_page_size, p_exam_date_from::text,
    p_exam_date_to::text, v_mock_type, hubspot_sync.find_status(p_status),
    trim(p_mock_exam_id), trim(p_student_id), lower(trim(p_email)), null);
end;
$$;

comment on function api.list_bookings(date, date, text, text, text, text, text, integer, integer) is
  'A page of bookings, newest first: those that match every filter given. p_exam_date_from, '
  'p_exam_date_to: days, both included. p_status: Active, Cancelled or Completed. p_page: from '
  '1, within the first 10,000; p_page_size: 1 to 200. Raises 22023 (no such type or status, '
  'page or size out of bounds), 42501 (not allowed).';
revoke execute on function api.list_bookings(
  date, date, text, text, text, text, text, integer, integer
) from public, anon, authenticated;
grant execute on function api.list_bookings(
  date, date, text, text, text, text, text, integer, integer
) to authenticated, service_role;
