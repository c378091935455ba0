begin;
select plan(20);

insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'Ann@Example.com'),
  ('00000000-0000-4000-8000-000000000002', 'C-2', 'S-2', 'bob@example.com'),
  ('00000000-0000-4000-8000-000000000003', 'C-3', 'S-1', 'other@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   created_at)
values
  ('B-1', 'BK-1', 'E-1', 'C-1', 'S-1', 'Ann@Example.com', 'Active', '2030-01-01'),
  ('B-2', 'BK-2', 'E-2', 'C-1', 'S-1', 'ann@example.com', 'Cancelled', '2030-01-02'),
  ('B-3', 'BK-3', 'E-3', 'C-2', 'S-2', 'bob@example.com', 'Active', '2030-01-03'),
  ('B-4', 'BK-4', 'E-4', 'C-3', 'S-1', 'other@example.com', 'Active', '2030-01-04');
create function pg_temp.listed(p_arguments text) returns text language plpgsql as $$
declare
  v_listed text;
begin
  execute format('select string_agg(b.booking_id, '' '') from api.list_contact_bookings(%s) p,'
                 ' unnest(p.bookings) b', p_arguments) into v_listed;
  return v_listed;
end
$$;
select is(pg_temp.listed(f.arguments), f.listed, f.fact)
  from (values
    ('''S-1'', ''ANN@example.com''', 'BK-2 BK-1', 'a contact''s bookings are listed, newest first'),
    ('''S-1'', ''other@example.com''', 'BK-4', 'not those of another email of the student id'),
    ('p_id => ''00000000-0000-4000-8000-000000000002''', 'BK-3', 'by id'),
    ('p_hubspot_id => '' C-2 ''', 'BK-3', 'by HubSpot id'),
    ('''S-1'', ''ann@example.com'', p_status => ''active''', 'BK-1', 'those of a status'),
    ('''S-1'', ''ann@example.com'', p_status => ''Completed''', null, 'of which there are none'),
    ('''S-1'', ''ann@example.com'', p_status => '' ''', 'BK-2 BK-1', 'a blank status is none'),
    ('''S-1'', ''ann@example.com'', p_page => 2, p_page_size => 1', 'BK-1', 'page by page')
  ) as f (arguments, listed, fact);
select throws_ok(format('select api.list_contact_bookings(%s)', r.arguments), r.code, null, r.fact)
  from (values
    ('', '22023', 'nobody is asked for'), ('''S-1''', '22023', 'a lone student id is refused'),
    ('''S-9'', ''ann@example.com''', 'MBCON', 'an unknown contact is refused'),
    ('''S-2'', ''ann@example.com''', 'MBCON', 'ids of two contacts find none'),
    ('''S-1'', ''ann@example.com'', p_status => ''gone''', '22023', 'an unknown status is refused'),
    ('''S-1'', ''ann@example.com'', p_page => 0', '22023', 'page 0 is refused'),
    ('''S-1'', ''ann@example.com'', p_page => 1000000000', '22023', 'page 10^9 is refused'),
    ('''S-1'', ''ann@example.com'', p_page => -2147483648', '22023',
     'the most negative page is refused'),
    ('''S-1'', ''ann@example.com'', p_page_size => 201', '22023', 'pages of 201 are refused')
  ) as r (arguments, code, fact);
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"bob@example.com"}', true);
select is(pg_temp.listed(''), 'BK-3', 'a student who names nobody sees their own');
select throws_ok($$select api.list_contact_bookings('S-1', 'ann@example.com')$$, 'MBCON', null,
                 'another is not there');
select set_config('request.jwt.claims', '', true);
select throws_ok($$select api.list_contact_bookings(p_status => 'gone')$$, '42501', null,
                 'who may ask nothing is told so first');
reset role;

select * from finish();
rollback;
