begin;
select plan(29);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 9, 'true'),
       ('E-2', 'Clinical Skills', '2030-02-02', '09:00', 9, 'true'),
       ('E-3', 'Mini-mock', '2030-02-03', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'Ann@Example.com'), ('C-2', 'S-2', 'bob@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   created_at)
values
  ('B-1', 'BK-1', 'E-1', 'C-1', 'S-1', 'Ann@Example.com', 'Active', '2030-01-01'),
  ('B-2', 'BK-2', 'E-2', 'C-1', 'S-1', 'Ann@Example.com', 'Cancelled', '2030-01-02'),
  ('B-3', 'BK-3', 'E-3', 'C-2', 'S-2', 'bob@example.com', 'Completed', '2030-01-03'),
  ('B-4', 'BK-4', 'E-1', 'C-2', 'S-2', 'bob@example.com', 'Active', '2030-01-04');
-- An orphan, and one whose old row has a time of day beside its date.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, mock_type, exam_date,
   created_at)
values
  ('B-5', 'BK-5', 'E-old', 'S-5', 'old@example.com', 'Completed', 'Mini-mock',
     '2030-02-02 14:00', '2029-01-01'),
  ('B-6', 'BK-6', 'E-older', 'S-5', 'old@example.com', 'Completed', null, null, '2028-01-01');
create function pg_temp.listed(p_filters text) returns text language plpgsql as $$
declare
  v_listed text;
begin
  execute format('select string_agg(b.booking_id, '' '') from api.list_bookings(%s) p,'
                 ' unnest(p.bookings) b', p_filters) into v_listed;
  return v_listed;
end
$$;
select is(pg_temp.listed(f.filters), f.listed, f.fact)
  from (values
    ('', 'BK-4 BK-3 BK-2 BK-1 BK-5 BK-6', 'without a filter all are listed, newest first'),
    ('p_mock_exam_id => '' E-1 ''', 'BK-4 BK-1', 'those of an exam'),
    ('p_mock_type => ''mini-MOCK''', 'BK-4 BK-3 BK-1 BK-5', 'those of a type'),
    ('p_status => ''active''', 'BK-4 BK-1', 'those of a status'),
    ('p_student_id => '' S-1 ''', 'BK-2 BK-1', 'those of a student'),
    ('p_email => '' ANN@example.com ''', 'BK-2 BK-1', 'those of an email, whatever its case'),
    ('p_exam_date_from => ''2030-02-02''', 'BK-3 BK-2 BK-5', 'from a day on'),
    ('p_exam_date_to => ''2030-02-01''', 'BK-4 BK-1', 'to a day'),
    ('''2030-02-02'', ''2030-02-02''', 'BK-2 BK-5',
     'of one day, both ends included, at whatever time of it'),
    ('''-infinity'', ''infinity''', 'BK-4 BK-3 BK-2 BK-1 BK-5', 'of all days'),
    ('''2030-02-03'', ''2030-02-01''', null, 'days the wrong way round are none'),
    ('p_student_id => ''S-2'', p_status => ''Active'', p_mock_type => ''Mini-mock''', 'BK-4',
     'filters narrow each other'),
    ('p_student_id => ''S-2'', p_email => ''ann@example.com''', null, 'to nothing, if need be'),
    ('null, null, '''', '' '', '''', '' '', ''''', 'BK-4 BK-3 BK-2 BK-1 BK-5 BK-6',
     'blanks are no filters'),
    ('p_page => 2, p_page_size => 4', 'BK-5 BK-6', 'the second page follows the first'),
    ('p_email => ''%''', null, 'a pattern is a text'),
    ('p_student_id => ''S-1'''' or true --''', null, 'so is an injection'),
    ('p_mock_exam_id => ''$$''', null, 'and a dollar'),
    ('p_mock_exam_id => ''\''', null, 'and a backslash'),
    ('p_student_id => repeat(''x'', 10000000)', null, 'ten million characters match nothing')
  ) as f (filters, listed, fact);
select throws_ok(format('select api.list_bookings(%s)', r.arguments), '22023', null, r.fact)
  from (values
    ('p_mock_type => ''Chess''', 'an unknown type is refused'),
    ('p_status => ''gone''', 'an unknown status is refused'),
    ('p_page => 0', 'page 0 is refused'), ('p_page => -1', 'page -1 is refused'),
    ('p_page => 1000000000', 'page 10^9 is refused'),
    ('p_page => -2147483648', 'the most negative page is refused'),
    ('p_page_size => 0', 'pages of 0 are refused'),
    ('p_page_size => 1000000000', 'pages of 10^9 are refused')
  ) as r (arguments, fact);
select row_eq(
  $$select total, total_is_capped, page, page_size, has_more
      from api.list_bookings(p_page_size => 4)$$,
  row(6::bigint, false, 1, 4, true), 'the page knows where it is');

select * from finish();
rollback;
